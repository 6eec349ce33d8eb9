/**
 * Merges the trees of several files and fills variables in.
 *
 * Maps merge deeply, a later file wins, lists and scalars are replaced whole. `${NAME}` is an environment variable, `${hostname}` this
 * machine's name, `$${` a literal `${`; keys are never touched.
 */
import type { TreeNode } from './config-tree.js';
import { formatPath, type PathSegment, type Problem, printable } from './problem.js';

/** Merges `over` onto `base`; neither is changed. A type change is the later file's right: validation will say what it thinks of it. */
export function mergeTrees(base: TreeNode, over: TreeNode): TreeNode {
  if (!(base.value instanceof Map) || !(over.value instanceof Map)) return over;
  const merged = new Map(base.value);
  for (const [key, node] of over.value) {
    const below = merged.get(key);
    merged.set(key, below === undefined ? node : mergeTrees(below, node));
  }
  return { ...base, value: merged };
}

export interface Variables {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
}

const pattern = /\$\$\{|\$\{([^}]*)\}/g;

/** A tree with variables filled in; what could not be filled goes to `problems`. Nothing filled in is looked at again. */
export function fillVariables(node: TreeNode, variables: Variables, problems: Problem[], path: readonly PathSegment[] = []): TreeNode {
  const { value } = node;
  if (typeof value === 'string') return fillText(node, value, variables, problems, path);
  if (Array.isArray(value)) return { ...node, value: value.map((item, i) => fillVariables(item, variables, problems, [...path, i])) };
  if (value instanceof Map) {
    const filled = new Map<string, TreeNode>();
    for (const [key, child] of value) filled.set(key, fillVariables(child, variables, problems, [...path, key]));
    return { ...node, value: filled };
  }
  return node;
}

function fillText(node: TreeNode, text: string, variables: Variables, problems: Problem[], path: readonly PathSegment[]): TreeNode {
  if (!text.includes('${')) return node;
  const complain = (message: string, hint: string) => {
    problems.push({ severity: 'error', place: node.place, path: formatPath(path), message, hint });
    return '';
  };
  const value = text.replace(pattern, (whole: string, name: string | undefined) => {
    if (name === undefined) return whole.slice(1);
    if (name === 'hostname') return variables.hostname;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      return complain(`\${${printable(name)}} is no variable name`, 'write $${ for a literal ${');
    }
    const found = Object.hasOwn(variables.env, name) ? variables.env[name] : undefined;
    return found ?? complain(`\${${name}} is not set`, 'set it in the environment of the daemon, or write $${ for a literal ${');
  });
  return { ...node, value, filled: true };
}
