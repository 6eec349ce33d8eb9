/** The store under a backlog of days; the fast suite has a small one. */
import { test } from 'tap';
import { payBacklog } from '../support/store-bench.js';

test('a backlog of 100,000 is read in pages and paid without growing memory', (t) => payBacklog(t, 100_000));
