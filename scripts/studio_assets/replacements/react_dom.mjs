// Preact for React: with `createRoot` where Swagger UI looks for it, and with the lists of Immutable.js as children.
import { options } from "../node_modules/preact/dist/preact.module.js";
import compat from "../node_modules/preact/compat/dist/compat.module.js";
import { createRoot } from "../node_modules/preact/compat/client.mjs";

/** React takes any iterable as children, Preact only arrays. */
const spread = (children) => {
  if (Array.isArray(children)) return children.map(spread);
  const iterates = typeof children === "object" && typeof children?.[Symbol.iterator] === "function";
  return iterates ? [...children].map(spread) : children;
};

const before = options.vnode;
options.vnode = (vnode) => {
  if (typeof vnode.type === "string" && vnode.props.children) vnode.props.children = spread(vnode.props.children);
  before?.(vnode);
};

export * from "../node_modules/preact/compat/dist/compat.module.js";
export default { ...compat, createRoot };
