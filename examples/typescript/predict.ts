// Prints the labels of texts, predicted by a server. The types are generated from the server's OpenAPI document:
//
//   curl -s http://127.0.0.1:8000/openapi.json -o openapi.json && npm run schema
//   npm run build && node built/predict.js http://127.0.0.1:8000 tickets "Where is my parcel?"
import type { components } from "./schema.js";

type PredictTexts = components["schemas"]["PredictTexts"];
type PredictResponse = components["schemas"]["PredictResponse"];
type Problem = components["schemas"]["Problem"];

async function predict(url: string, model: string, body: Partial<PredictTexts> & { texts: string[] }): Promise<PredictResponse> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await fetch(`${url}/v1/models/${model}/predict`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.ok) return (await response.json()) as PredictResponse;
    if ((response.status === 429 || response.status === 503) && attempt < 4) {
      const seconds = Number(response.headers.get("retry-after") ?? "1");
      await new Promise((resume) => setTimeout(resume, 1000 * seconds));
      continue;
    }
    const problem = (await response.json()) as Problem;
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
