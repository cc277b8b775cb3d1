// Resolve OpenAPI 3.1 with the resolver of 3.0: our document has local references only, and both versions write these
// alike. ApiDOM, the resolver of 3.1, is a quarter of Swagger UI.
import openApi30 from "../node_modules/swagger-client/es/resolver/strategies/openapi-3-0/index.js";
import { isOpenAPI31 } from "../node_modules/swagger-client/es/helpers/openapi-predicates.js";

export default { ...openApi30, name: "openapi-3-1", match: isOpenAPI31 };
