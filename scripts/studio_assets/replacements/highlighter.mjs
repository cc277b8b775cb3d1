// No syntax highlighting: code is shown as plain text, which follows the theme of the page.
import { createElement } from "react";

const Plain = ({ children, className }) => createElement("pre", { className }, createElement("code", null, children));
Plain.registerLanguage = () => {};

export default Plain;
