"""The content of the sections: analyses, figures as text, plots and images."""
