"use strict";
// A wide page has room for the list of contents at its side.
const contents = document.querySelector("nav details");
if (contents && matchMedia("(min-width: 105rem)").matches) contents.open = true;
// Tables sort by the column whose head is pressed: numbers by value, words by alphabet.
function valueOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replace(/[^0-9.eE+-]/g, " ").trim());
  const scale = /\d ?KiB/.test(text) ? 1024 : /\d ?MiB/.test(text) ? 1048576 : 1;
  return /^[-+.\d]/.test(text) && !Number.isNaN(number) ? number * scale : text;
}
function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
}
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("thead button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = Array.from(body.rows).map((row) => [valueOf(row, column), row]);
      rows.sort((a, b) => (up ? 1 : -1) * compare(a[0], b[0]));
      body.append(...rows.map((pair) => pair[1]));
    });
  });
}
