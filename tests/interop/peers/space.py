"""A Space: Gradio under a path of the hub, streaming answers, and a WebSocket that tells what it was told."""

import sys
import time

import fastapi
import gradio
import uvicorn

host, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
app = fastapi.FastAPI()


@app.websocket(path + "/ws")
async def echo(socket: fastapi.WebSocket):
    await socket.accept()
    await socket.send_json({"user": socket.headers.get("x-auth-user"), "role": socket.headers.get("x-auth-role")})
    async for text in socket.iter_text():
        await socket.send_text("echo:" + text)


def who(request: gradio.Request):
    seen = request.headers
    return f"{seen.get('x-auth-user')} as {seen.get('x-auth-role')}"


def count(limit):
    for number in range(1, int(limit) + 1):
        time.sleep(0.2)
        yield f"{number} of {int(limit)}"


def size(file):
    with open(file, "rb") as opened:
        return len(opened.read())


with gradio.Blocks() as space:
    person = gradio.Textbox(label="who", elem_id="who")
    gradio.Button("Who am I", elem_id="ask").click(who, None, person, api_name="who")
    limit = gradio.Number(5, label="limit")
    line = gradio.Textbox(label="line", elem_id="line")
    gradio.Button("Count", elem_id="count").click(count, limit, line, api_name="count")
    file, length = gradio.File(label="file"), gradio.Number(label="length")
    file.upload(size, file, length, api_name="size")

app = gradio.mount_gradio_app(app, space, path=path)
uvicorn.run(app, host=host, port=port, log_level="warning")
