/** The last good configuration under many deaths of its writer; the fast suite has a few. */
import { test } from 'tap';
import { killedWriter } from '../support/killed-writer.js';

test('a writer killed 40 times leaves the old set or the new one, never a torn one', (t) => killedWriter(t, 40));
