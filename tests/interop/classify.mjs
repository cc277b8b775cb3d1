// Classifies texts with a bundle, using transformers.js only.
//
//   node classify.mjs BUNDLE fp32|q8 <<< '["a text", "another"]'
//
// Prints one JSON list: for each text its labels with their scores, the most probable first.

import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import { env, pipeline } from "@huggingface/transformers";

const bundle = resolve(process.argv[2]);
const dtype = process.argv[3];
const texts = JSON.parse(readFileSync(0, "utf8"));

env.allowRemoteModels = false;
env.localModelPath = dirname(bundle);

const classify = await pipeline("text-classification", basename(bundle), {
  dtype,
  session_options: { extra: { session: { x64quantprecision: "1" } } },
});
const answers = [];
for (const text of texts) {
  answers.push(await classify(text, { top_k: null })); // one at a time, so that batches do not matter
}
console.log(JSON.stringify(answers));
