// Cold `history` by itself: `npm run bench:history [rooms] [messages]`
import { measureColdHistory } from "./history/measure.ts";

await measureColdHistory({
  rooms: Number(process.argv[2] ?? 10_000),
  messages: Number(process.argv[3] ?? 1_000_000),
  samples: 2000,
  say: console.log,
});
