const wanted = new Set();

process.on('exit', () => {
  for (const does of [...wanted].reverse()) does();
});

/** What is done when this process ends, the last first; returns how to forget it. */
export function atExit(does) {
  wanted.add(does);
  return () => wanted.delete(does);
}
