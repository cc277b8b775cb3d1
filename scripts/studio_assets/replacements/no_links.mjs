// Our descriptions are Markdown with explicit links: bare addresses stay text.
export const linkify = () => {};
