// The entry of the Swagger UI bundle: the base layout, without the top bar of the stand-alone page.
import SwaggerUI from "swagger-ui";

globalThis.SwaggerUI = SwaggerUI;
