/** The module an engine process runs. Apart, so that whoever only starts one does not load a pool. */
import { fileURLToPath } from 'node:url';

export const engineEntry = fileURLToPath(new URL('./main.js', import.meta.url));
