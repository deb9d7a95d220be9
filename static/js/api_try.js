// Draws Swagger UI over the API's own description. A key that is typed in stays in this page.
const place = document.querySelector("[data-description]");
const description = await (await fetch(place.dataset.description)).json();

window.SwaggerUIBundle({
  // Calls go to where this page came from, whatever other names the server has.
  spec: { ...description, servers: [{ url: window.location.origin }] },
  domNode: place,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  persistAuthorization: false,
  // The validator would be another company's.
  validatorUrl: null,
});
