// Sorts the table of classes, and highlights one class in the table and the curves.
"use strict";
document.documentElement.classList.add("js");

function sortTable(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const head = heads[column];
  const numeric = head.classList.contains("number");
  const before = head.getAttribute("aria-sort");
  const order = before ? (before === "ascending" ? "descending" : "ascending")
    : (numeric ? "descending" : "ascending");
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows].map((row) => [row, row.cells[column].dataset.value]);
  rows.sort(([, a], [, b]) => {
    if (a === "" || b === "") return (a === "") - (b === ""); // unknown values come last
    return sign * (numeric ? a - b : a.localeCompare(b));
  });
  table.tBodies[0].append(...rows.map(([row]) => row));
}

function choose(label) {
  document.querySelectorAll("[data-class]").forEach((part) => {
    if (part.dataset.class === label) part.setAttribute("aria-current", "true");
    else part.removeAttribute("aria-current");
  });
  const choice = document.getElementById("class-choice");
  if (!choice) return;
  choice.value = label;
  document.querySelector(".curve.chosen")?.classList.remove("chosen");
  const curve = document.getElementById("curve-" + label);
  curve?.classList.add("chosen");
  curve?.parentNode.append(curve); // drawn last, over the others
  const readout = document.getElementById("readout");
  readout.dataset.first ??= readout.textContent;
  readout.textContent = label === "" ? readout.dataset.first : describe(label);
}

function describe(label) {
  const row = document.querySelector(`#class-table tr[data-class="${label}"]`);
  const heads = [...document.querySelectorAll("#class-table thead th")];
  const parts = [...row.cells].slice(1).map((cell, i) =>
    `${heads[i + 1].textContent.trim()} ${cell.textContent.trim()}`);
  return `${row.cells[0].textContent.trim()}: ${parts.join(", ")}.`;
}

const table = document.getElementById("class-table");
if (table) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sortTable(table, head.cellIndex);
  });
  table.tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row) choose(row.hasAttribute("aria-current") ? "" : row.dataset.class);
  });
}
document.getElementById("class-choice")?.addEventListener("change", (event) => choose(event.target.value));
document.querySelectorAll(".tile").forEach((tile) =>
  tile.addEventListener("click", () =>
    choose(tile.hasAttribute("aria-current") ? "" : tile.dataset.class)));
