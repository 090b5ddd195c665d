// Marks the sides at which a wide table continues, so that the page can show a shadow there.
"use strict";
{
  const update = (area) => {
    const hidden = area.scrollWidth - area.clientWidth;
    const sides = [];
    if (hidden > 1 && area.scrollLeft > 1) sides.push("left");
    if (hidden > 1 && area.scrollLeft < hidden - 1) sides.push("right");
    if (sides.length) area.parentNode.dataset.more = sides.join(" ");
    else delete area.parentNode.dataset.more;
  };
  const watcher = new ResizeObserver((entries) => entries.forEach((entry) => update(entry.target)));
  document.querySelectorAll(".scroll").forEach((area) => {
    watcher.observe(area);
    area.addEventListener("scroll", () => update(area), { passive: true });
  });
}
