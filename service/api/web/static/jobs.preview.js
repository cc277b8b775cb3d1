// The first rows of a file as the server reads them: facts, columns, a table, and what was detected.

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function size(bytes) {
  if (bytes < 1_000) return `${bytes} bytes`;
  const power = Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1_000 ** power).toFixed(1)} ${["", "kB", "MB", "GB", "TB"][power]}`;
}

/** Fill a card with the answer of POST /v1/jobs/preview. */
export function showPreview(card, found, { bytes, readsPairs }) {
  const find = (selector) => card.querySelector(selector);
  find("[data-facts]").textContent = [size(bytes), found.format, found.encoding, rowsInWords(found)].filter(Boolean).join(" · ");
  for (const name of ["text_column", "second_column"]) fillColumns(find(`[data-column=${name}]`), found, name);
  find("[data-second]").hidden = !readsPairs;
  find("[data-reason]").textContent = reasonInWords(found.text_reason);
  const warning = warningOf(found);
  find("[data-warning]").hidden = !warning;
  find("[data-warning]").textContent = warning && `! ${sentence(warning)}`;
  fillTable(find("table"), found);
  const decisions = find("[data-decisions]");
  decisions.replaceChildren(...found.decisions.map((each) => make("li", decisionInWords(each))));
  decisions.parentElement.hidden = found.decisions.length === 0;
  find("[data-body]").hidden = false;
}

function make(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

function rowsInWords({ rows, estimated_rows: count }) {
  if (count === undefined) return "";
  const about = rows.length < count ? "about " : "";
  return `${about}${count.toLocaleString("en")} ${count === 1 ? "row" : "rows"}`;
}

function reasonInWords(reason) {
  if (!reason) return "";
  return reason === "as requested" ? "Chosen by you." : `Chosen because ${reason}.`.replace("because the", "as the");
}

function warningOf({ problem, warning }) {
  if (problem?.code === "unknown-column") return `${problem.message}. Choose it above.`;
  return warning ? `${warning}.` : "";
}

function decisionInWords({ subject, chosen, why, guessed }) {
  return `${subject}: ${chosen} (${why})${guessed ? ". Please check this." : ""}`;
}

function fillColumns(select, found, name) {
  const options = found.columns.map((column) => new Option(column || "(no name)", column));
  if (!found[name]) options.unshift(new Option("Choose a column", ""));
  select.replaceChildren(...options);
  select.value = found[name] ?? "";
}

function fillTable(table, found) {
  const shown = found.columns.slice(0, Math.max(0, ...found.rows.map((row) => row.cells.length)));
  const more = shown.length < found.columns.length ? `, ${shown.length} of ${found.columns.length} columns` : "";
  const mark = (cell, column) => {
    cell.classList.toggle("is-text", column === found.text_column);
    cell.classList.toggle("is-second", column === found.second_column);
    return cell;
  };
  table.caption.textContent = `The first rows${more}`;
  table.tHead.rows[0].replaceChildren(...shown.map((column) => Object.assign(mark(make("th", column), column), { scope: "col" })));
  table.tBodies[0].replaceChildren(...found.rows.map((row) => {
    const line = document.createElement("tr");
    if (row.error) {
      line.append(Object.assign(make("td", `✕ ${row.error.message}`), { colSpan: Math.max(1, shown.length), className: "failed" }));
      return line;
    }
    line.append(...row.cells.map((text, index) => {
      const cell = mark(make("td", text ?? ""), shown[index]);
      cell.dir = "auto";
      cell.title = text ?? "";
      return cell;
    }));
    return line;
  }));
}
