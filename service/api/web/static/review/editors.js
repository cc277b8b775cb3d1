/** The editor for each kind of queue. All have `element`, `keys`, `acceptText`, `show`, `handleKey`, `accept`. */

import { PreferenceEditor, ScoreEditor } from "./choice_editor.js";
import { LabelEditor } from "./label_editor.js";
import { SpanEditor } from "./span_editor.js";

export function createEditor(about, actions) {
  const options = { labels: about.labels ?? [], allowNew: about.allow_new_labels ?? false, actions };
  switch (about.kind) {
    case "entities":
      return new SpanEditor({ ...options, isQuestion: false });
    case "span":
      return new SpanEditor({ ...options, isQuestion: true });
    case "preference":
      return new PreferenceEditor(options);
    case "score":
      return new ScoreEditor({ range: about.score_range ?? [0, 1], actions });
    default:
      return new LabelEditor({ ...options, many: about.kind === "multi_label" });
  }
}
