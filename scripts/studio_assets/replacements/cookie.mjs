// No operation has a cookie parameter; this is `name=value` as swagger-client's helper writes it.
export const serialize = (pairs) =>
  Object.entries(pairs)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("; ");
