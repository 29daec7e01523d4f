// Filters and sorts the tables of the report. Without it the page is complete, only without these controls.
for (const table of document.querySelectorAll("table.summary")) {
  const { search, any, shown } = table.dataset;
  const rows = [...table.tBodies[0].rows];
  const heads = [...table.tHead.rows[0].cells];
  const made = (name, of) => Object.assign(document.createElement(name), of);
  const count = made("output", {});
  const words = made("input", { type: "search", placeholder: search, ariaLabel: search });
  const valued = (row, at) => row.cells[at].textContent.trim();
  const choices = heads.flatMap((head, at) => {
    if (!head.classList.contains("choice")) return [];
    const label = any.replace("{column}", head.textContent);
    const choice = made("select", { ariaLabel: head.textContent });
    choice.append(made("option", { value: "", textContent: label }));
    for (const value of new Set(rows.map(row => valued(row, at)).filter(Boolean))) {
      choice.append(made("option", { value, textContent: value }));
    }
    return [{ choice, at }];
  });
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/);
    let found = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every(word => text.includes(word)) ||
        !choices.every(({ choice, at }) => !choice.value || choice.value === valued(row, at));
      found += !row.hidden;
    }
    count.textContent = found ? shown.replace("{shown}", found).replace("{count}", rows.length) : table.dataset.none;
  };
  // What a cell is sorted by: a number, a time or a place in an order if it has one, else its text.
  const key = cell => {
    const of = cell.querySelector("data, time");
    return cell.dataset.order ?? of?.value ?? of?.dateTime ?? cell.textContent;
  };
  heads.forEach((head, at) => {
    const button = made("button", { type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const isDown = head.ariaSort !== "descending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.ariaSort = isDown ? "descending" : "ascending";
      const compare = (one, other) => key(one.cells[at]).localeCompare(key(other.cells[at]), undefined, { numeric: true });
      rows.sort((one, other) => isDown ? compare(other, one) : compare(one, other));
      table.tBodies[0].append(...rows);
    });
  });
  const bar = made("div", { className: "filters" });
  bar.append(words, ...choices.map(({ choice }) => choice), count);
  bar.addEventListener("input", show);
  table.before(bar);
  // A tile shows its severity alone, in the table that it leads to.
  for (const tile of document.querySelectorAll(`a[href="#${table.dataset.section}"][data-severity]`)) {
    tile.addEventListener("click", () => {
      choices[0].choice.value = tile.dataset.severity;
      show();
    });
  }
  show();
}
