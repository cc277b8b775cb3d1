// Asks a server for the labels of some texts. The types are made from its OpenAPI document:
//
//   curl -s http://127.0.0.1:8000/openapi.json -o openapi.json && npm run schema
//   npm run build && node built/ask.js http://127.0.0.1:8000 tickets "Where is my parcel?"
import type { components } from "./schema.js";

type PredictTexts = components["schemas"]["PredictTexts"];
type PredictResponse = components["schemas"]["PredictResponse"];
type Problem = components["schemas"]["Problem"];

async function predict(url: string, model: string, body: Partial<PredictTexts> & { texts: string[] }): Promise<PredictResponse> {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${url}/v1/models/${model}/predict`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return (await answer.json()) as PredictResponse;
    if ((answer.status === 429 || answer.status === 503) && attempt < 4) {
      const seconds = Number(answer.headers.get("retry-after") ?? "1");
      await new Promise((resume) => setTimeout(resume, 1000 * seconds));
      continue;
    }
    const problem = (await answer.json()) as Problem;
    throw new Error(`${problem.code}: ${problem.detail}`);
  }
}

const [url = "", model = "", ...texts] = process.argv.slice(2);
const { results, version } = await predict(url, model, { texts, top_k: 3 });
console.error(`version ${version}`);
results.forEach((result, index) => {
  if ("error" in result) console.log(`${texts[index]}\t${result.error.code}`);
  else if ("labels" in result) console.log(`${texts[index]}\t${result.labels.join(", ")}\t${result.scores[0]?.score.toFixed(3)}`);
});
