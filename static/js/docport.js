// Everything here only improves a page that already works without it.

document.querySelector("[data-error-summary]")?.focus();

document.addEventListener("htmx:afterSwap", (event) => {
  const summary = event.target.querySelector("[data-error-summary]");
  const first = summary ?? event.target.querySelector("[data-autofocus]");
  first?.focus();
});

// Arrow keys, Home and End move inside a table marked `data-grid`; one cell at a time is a tab stop.
const STEPS = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

function linksOf(table) {
  const rows = [...table.querySelectorAll("tbody tr")];
  return rows
    .map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("a, button")))
    .filter((links) => links.some(Boolean));
}

function clamp(number, count) {
  return Math.max(0, Math.min(count - 1, number));
}

function makeGrid(table) {
  const rows = linksOf(table);
  let current = rows.flat().find(Boolean);
  if (!current) {
    return;
  }
  rows.flat().forEach((link) => link?.setAttribute("tabindex", "-1"));
  current.tabIndex = 0;

  function place(link) {
    const row = rows.findIndex((links) => links.includes(link));
    return [row, rows[row]?.indexOf(link)];
  }

  function makeCurrent(link) {
    current.tabIndex = -1;
    current = link;
    current.tabIndex = 0;
  }

  table.addEventListener("focusin", (event) => {
    const link = event.target.closest("a, button");
    if (place(link)[0] >= 0) {
      makeCurrent(link);
    }
  });

  table.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) {
      return;
    }
    event.preventDefault();
    const [down, across] = step;
    let [row, column] = place(current);
    // Step over cells that hold no link, until one does or the edge is reached.
    do {
      const [fromRow, fromColumn] = [row, column];
      row = clamp(row + down, rows.length);
      column = clamp(column + across, rows[row].length);
      if (row === fromRow && column === fromColumn) {
        break;
      }
    } while (!rows[row][column]);
    const next = rows[row][column];
    if (next) {
      makeCurrent(next);
      next.focus();
    }
  });
}

document.querySelectorAll("[data-grid]").forEach(makeGrid);

// `<button hidden data-copy="id">` copies the text of the element with that id.
document.querySelectorAll("[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    button.textContent = "Copied";
  });
});
