/** An engine that dies before it is ready, as one built for another processor does. */
process.stderr.write('cannot work here\n');
process.exit(3);
