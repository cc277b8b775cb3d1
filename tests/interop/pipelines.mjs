// Runs a pipeline on a bundle, using transformers.js only.
//
//   node pipelines.mjs TASK BUNDLE fp32|q8 <<< '["a text", "another"]'
//
// An input is a text, or [question, context]. Prints one JSON list with what the pipeline gives for each input: for
// text-classification every label, the most probable first; for feature-extraction the numbers of the vector.

import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import { env, pipeline } from "@huggingface/transformers";

const [task, folder, dtype] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(0, "utf8"));

env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));

const OPTIONS = {
  "text-classification": { top_k: null },
  "feature-extraction": { pooling: "cls" }, // the graph has pooled: its only token is the vector
};
const run = await pipeline(task, basename(folder), {
  dtype,
  session_options: { extra: { session: { x64quantprecision: "1" } } },
});
const answers = [];
for (const input of inputs) {
  // one at a time, so that batches do not matter
  const answer = Array.isArray(input) ? await run(...input) : await run(input, OPTIONS[task]);
  answers.push(task === "feature-extraction" ? [...answer.data] : answer);
}
console.log(JSON.stringify(answers));
