/** An engine whose native code was built for another processor. */
process.kill(process.pid, 'SIGILL');
setInterval(() => {}, 1000);
