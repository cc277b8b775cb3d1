// swagger-client reads only `url` of this package; the rest of it is the parser of ApiDOM.
export * as url from "../node_modules/@swagger-api/apidom-reference/src/util/url.mjs";
