// Enlarges the pictures in a dialog: all of them, or the set behind a figure of the page.
"use strict";
{
  const figures = [...document.querySelectorAll("figure[id^=picture-]")]; // picture 1, 2, ...
  const viewer = document.getElementById("viewer");
  const part = (name) => document.getElementById("viewer-" + name);
  const everything = {
    title: "All images",
    pictures: figures.map((_, index) => ({ number: index + 1, boxes: [] })),
  };
  const nearby = 10; // small pictures on each side of the current one
  const text = (number) => number.toLocaleString("en");
  let shown = everything;
  let position = 0;

  // "3:0,2 7:" means picture 3, in which boxes 0 and 2 are meant, and picture 7.
  function readSet(link) {
    const pictures = link.dataset.boxes.split(" ").map((entry) => {
      const [number, boxes] = entry.split(":");
      return { number: Number(number), boxes: boxes ? boxes.split(",").map(Number) : [] };
    });
    return { title: link.title, pictures };
  }

  // The address decides what is open, so that "back" closes and a picture has a link of its own.
  function follow() {
    const number = Number(/^#picture-(\d+)$/.exec(location.hash)?.[1]);
    if (!figures[number - 1]) return viewer.close();
    position = shown.pictures.findIndex((picture) => picture.number === number);
    if (position < 0) {
      shown = everything;
      position = number - 1;
    }
    if (!viewer.open) viewer.showModal();
    show();
  }

  function show() {
    const { number, boxes } = shown.pictures[position];
    const figure = figures[number - 1];
    const copy = document.createElement("div");
    copy.className = "picture";
    copy.append(...[...figure.querySelector(".picture").children].map((child) => child.cloneNode(true)));
    copy.style.setProperty("--aspect", figure.style.getPropertyValue("--aspect"));
    const drawn = [...copy.querySelectorAll(".box")];
    boxes.forEach((index) => drawn[index].classList.add("meant"));
    copy.classList.toggle("with-meant", boxes.length > 0);
    part("stage").replaceChildren(copy);
    part("title").textContent = shown.title;
    part("position").textContent = `${text(position + 1)} / ${text(shown.pictures.length)}`;
    part("file").textContent = figure.querySelector("figcaption .soft").textContent;
    part("boxes").replaceChildren(...drawn.map(describe).reverse()); // errors first
    part("back").ariaDisabled = String(position === 0);
    part("next").ariaDisabled = String(position === shown.pictures.length - 1);
    const focused = part("strip").contains(document.activeElement);
    part("strip").replaceChildren(...neighbours().map(thumbnail));
    const current = part("strip").querySelector("[aria-current]");
    current.scrollIntoView({ block: "nearest", inline: "center" });
    if (focused) current.focus();
  }

  function describe(box) {
    const line = document.createElement("li");
    line.className = box.className.replace("box ", "");
    line.textContent = box.title;
    return line;
  }

  function neighbours() {
    const last = Math.max(shown.pictures.length - 2 * nearby - 1, 0);
    const start = Math.min(Math.max(position - nearby, 0), last);
    return shown.pictures.slice(start, start + 2 * nearby + 1).map((_, index) => start + index);
  }

  function thumbnail(place) {
    const image = figures[shown.pictures[place].number - 1].querySelector("img");
    const button = document.createElement("button");
    button.type = "button";
    button.ariaLabel = `Image ${text(place + 1)}`;
    button.ariaCurrent = place === position ? "true" : null;
    const small = new Image();
    small.alt = "";
    small.src = image.src;
    small.width = image.getAttribute("width"); // the row is laid out before the picture is decoded
    small.height = image.getAttribute("height");
    button.append(small);
    button.addEventListener("click", () => move(place));
    const entry = document.createElement("li");
    entry.append(button);
    return entry;
  }

  function move(place) {
    const picture = shown.pictures[place];
    if (!picture || place === position) return;
    history.replaceState(history.state, "", "#picture-" + picture.number);
    follow();
  }

  const keys = {
    ArrowLeft: () => move(position - 1),
    ArrowRight: () => move(position + 1),
    Home: () => move(0),
    End: () => move(shown.pictures.length - 1),
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#picture-']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    shown = link.dataset.boxes ? readSet(link) : everything;
    history.pushState("opened here", "", link.hash);
    follow();
  });

  if (viewer) {
    viewer.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    viewer.addEventListener("close", () => {
      shown = everything;
      if (!location.hash.startsWith("#picture-")) return;
      if (history.state) history.back();
      else history.replaceState(null, "", "#pictures");
    });
    part("back").addEventListener("click", keys.ArrowLeft);
    part("next").addEventListener("click", keys.ArrowRight);
    part("close").addEventListener("click", () => viewer.close());
    let start = null; // where a finger has touched the picture
    part("stage").addEventListener("touchstart", (event) => {
      start = event.touches.length === 1 ? event.touches[0] : null;
    }, { passive: true });
    part("stage").addEventListener("touchend", (event) => {
      const end = event.changedTouches[0];
      const across = start ? end.clientX - start.clientX : 0;
      const down = start ? end.clientY - start.clientY : 0;
      if (Math.abs(across) > 40 && Math.abs(across) > 2 * Math.abs(down)) {
        move(position + (across < 0 ? 1 : -1));
      }
    });
    window.addEventListener("popstate", follow);
    window.addEventListener("hashchange", follow);
    follow();
  }
}
