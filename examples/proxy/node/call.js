// A program with the official Node SDK: it makes calls at once, and prints what became
// of them. Its only argument is JSON: the number of calls, the action, and what an
// httpProfile takes: protocol, and proxy or endpoint.
const { CommonClient } = require("tencentcloud-sdk-nodejs-common");

const { calls, action, secretId, secretKey, endpoint, ...httpProfile } = JSON.parse(process.argv[2]);
const client = new CommonClient(endpoint || "cvm.tencentcloudapi.com", "2017-03-12", {
  credential: { secretId, secretKey },
  region: "ap-guangzhou",
  profile: { httpProfile },
});

const results = Array.from({ length: calls }, () =>
  client.request(action, { Limit: 1 }).then(
    () => null,
    (error) => [error.code, error.message].filter(Boolean).join(": "),
  ),
);

Promise.all(results).then((all) => {
  const errors = all.filter((error) => error !== null);
  console.log(JSON.stringify({ succeeded: all.length - errors.length, errors }));
});
