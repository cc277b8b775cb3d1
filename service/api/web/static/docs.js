"use strict";
SwaggerUIBundle({
  url: `${document.documentElement.dataset.root}/openapi.json`, dom_id: "#docs", deepLinking: true, validatorUrl: null,
  persistAuthorization: false,
});
