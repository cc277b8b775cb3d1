// Our document and its examples are JSON: this is what Swagger UI calls of js-yaml.
export const JSON_SCHEMA = {};

export default { JSON_SCHEMA, load: (text) => JSON.parse(text), dump: (value) => JSON.stringify(value, null, 2) };
