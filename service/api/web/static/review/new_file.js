/** Hides the fields that the selected model does not need. Without scripts, all fields are there. */

import { find } from "./dom.js";

const select = find("#suggestions");

function update() {
  const option = select.selectedOptions[0];
  find("#labels-box").hidden = option.dataset.labels === "own";
  find("#kind-box").hidden = option.value !== "none";
}

select.addEventListener("change", update);
update();
