// Sends a text through the generated TypeScript client, and asks what became of it.
import { Configuration, FindingApi, SendingApi } from "./generated/src";

declare const process: { env: Record<string, string>; exit(code: number): never };

async function main(): Promise<void> {
  const settings = new Configuration({ basePath: process.env.API_URL, apiKey: process.env.API_KEY });
  const sent = await new SendingApi(settings).queueText({
    queueRequest: { to: process.env.TO, message: "From TypeScript" },
    idempotencyKey: process.env.KEY,
  });
  const status = await new FindingApi(settings).getText({ id: sent.messageId });
  console.log(status.messageId);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
