"""What the sections show: the analyses, figures as text, plots and photographs."""
