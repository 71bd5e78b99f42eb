// The npm package @huggingface/hub as a program: calls one function, and prints what came of it as JSON.
import { createRepo, downloadFile, listFiles, uploadFile, whoAmI } from '@huggingface/hub';

const [name, text] = process.argv.slice(2);
const how = { hubUrl: process.env.HF_ENDPOINT, accessToken: process.env.HF_TOKEN || undefined, ...JSON.parse(text) };
const calls = {
  whoAmI: async () => whoAmI(how),
  listFiles: async () => {
    const found = [];
    for await (const file of listFiles(how)) found.push(file.path);
    return found;
  },
  downloadFile: async () => (await (await downloadFile(how))?.text()) ?? null,
  uploadFile: async () => uploadFile({ ...how, file: { path: how.path, content: new Blob([how.content]) } }),
  createRepo: async () => createRepo(how),
};
try {
  console.log(JSON.stringify({ ok: true, value: await calls[name]() }));
} catch (error) {
  console.log(JSON.stringify({ ok: false, status: error.statusCode, text: `${error.name}: ${error.message}` }));
}
