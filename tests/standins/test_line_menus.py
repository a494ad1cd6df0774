"""The LINE stand-in's rich menus, pictures and control page."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image

from tests.line_standin import LineStandin, line_standin

MENU = "/v2/bot/richmenu"


def declared(width: int = 800, height: int = 540, **more: Any) -> dict[str, Any]:
    bounds = {"x": 0, "y": 0, "width": width, "height": height}
    action = {"type": "postback", "data": "menu:absence", "label": "欠席"}
    return {
        "size": {"width": width, "height": height},
        "selected": True,
        "name": "guardian",
        "chatBarText": "メニュー",
        "areas": [{"bounds": bounds, "action": action}],
    } | more


def picture(width: int = 800, height: int = 540, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height)).save(data, kind)
    return data.getvalue()


def made(line: LineStandin, *, shown: bool = True, **more: Any) -> str:
    menu = str(line.api("POST", MENU, declared(**more))[1]["richMenuId"])
    if shown:
        answer = line.api("POST", f"{MENU}/{menu}/content", picture(), Content_Type="image/png")
        assert answer[0] == 200
    return menu


def test_a_menu_from_its_making_to_its_end(line: LineStandin) -> None:
    one, other = line.friends(2)
    everybodys, own = made(line), made(line, name="manager")
    assert line.api("POST", f"/v2/bot/user/all/richmenu/{everybodys}")[0] == 200
    assert line.api("POST", f"/v2/bot/user/{other}/richmenu/{own}")[0] == 200
    alias = {"richMenuAliasId": "manager", "richMenuId": own}
    assert line.api("POST", f"{MENU}/alias", alias)[0] == 200
    assert line.menu(one) == {"richMenuId": everybodys, "name": "guardian", "alias": None}
    assert line.menu(other) == {"richMenuId": own, "name": "manager", "alias": "manager"}
    assert [menu["name"] for menu in line.api("GET", f"{MENU}/list")[1]["richmenus"]] == [
        "guardian",
        "manager",
    ]
    assert line.api("GET", f"/v2/bot/user/{other}/richmenu")[1] == {"richMenuId": own}
    assert line.api("DELETE", f"{MENU}/{own}")[0] == 200
    assert line.menu(other)["name"] == "guardian"
    assert line.api("DELETE", "/v2/bot/user/all/richmenu")[0] == 200
    assert line.menu(other)["name"] is None


@pytest.mark.parametrize(
    "more",
    [
        {"width": 799},
        {"width": 2501},
        {"height": 249},
        {"height": 552},
        {"name": ""},
        {"chatBarText": "x" * 15},
        {"areas": [{}] * 21},
        {"areas": [{"bounds": {"x": 1, "y": 0, "width": 800, "height": 540}, "action": None}]},
        {"selected": "yes"},
    ],
)
def test_menus_that_are_refused(line: LineStandin, more: dict[str, Any]) -> None:
    assert line.api("POST", f"{MENU}/validate", declared(**more))[0] == 400
    assert line.api("POST", f"{MENU}/validate", declared())[0] == 200


def test_a_menu_is_shown_only_with_a_picture(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    menu = made(line, shown=False)
    path = f"/v2/bot/user/{friend}/richmenu/{menu}"
    status, body, _headers = line.api("POST", path)
    assert status == 400
    assert body["message"] == "must upload richmenu image before applying it to user"
    assert line.api("POST", f"/v2/bot/user/{friend}/richmenu/richmenu-none")[0] == 404
    content = f"{MENU}/{menu}/content"
    kind = {"Content_Type": "image/png"}
    assert line.api("POST", content, picture(800, 541), **kind)[0] == 400
    assert line.api("POST", content, picture(kind="JPEG"), **kind)[0] == 400
    assert line.api("POST", content, picture() + b"\0" * 1024 * 1024, **kind)[0] == 413
    assert line.api("POST", content, picture(), Content_Type="image/gif")[0] == 415
    assert line.api("POST", content, picture(), **kind)[0] == 200
    assert line.api("POST", content, picture(), **kind)[0] == 400
    assert line.api("GET", content)[1] == picture()
    assert line.api("POST", path)[0] == 200


def test_aliases(line: LineStandin) -> None:
    one, other = made(line), made(line)
    alias = {"richMenuAliasId": "staff", "richMenuId": one}
    assert line.api("POST", f"{MENU}/alias", alias)[0] == 200
    status, body, _headers = line.api("POST", f"{MENU}/alias", alias)
    assert (status, body["message"]) == (400, "conflict richmenu alias id")
    assert line.api("POST", f"{MENU}/alias", alias | {"richMenuAliasId": "Staff!"})[0] == 400
    unknown = alias | {"richMenuAliasId": "b", "richMenuId": "x"}
    assert line.api("POST", f"{MENU}/alias", unknown)[1]["details"][0]["property"] == "richMenuId"
    bare = unknown | {"richMenuId": made(line, shown=False)}
    assert line.api("POST", f"{MENU}/alias", bare)[1]["message"] == "richmenu not found"
    assert line.api("POST", f"{MENU}/alias/staff", {"richMenuId": other})[0] == 200
    assert line.api("GET", f"{MENU}/alias/staff")[1]["richMenuId"] == other
    assert len(line.api("GET", f"{MENU}/alias/list")[1]["aliases"]) == 1
    assert line.api("DELETE", f"{MENU}/alias/staff")[0] == 200
    assert line.api("GET", f"{MENU}/alias/staff")[1]["message"] == "richmenu alias not found"


def test_bulk_linking_takes_up_to_500(line: LineStandin) -> None:
    friends, menu = line.friends(501), made(line)
    link = f"{MENU}/bulk/link"
    assert line.api("POST", link, {"richMenuId": menu, "userIds": friends})[0] == 400
    assert line.api("POST", link, {"richMenuId": menu, "userIds": friends[:500]})[0] == 202
    assert line.menu(friends[0])["richMenuId"] == menu
    assert line.menu(friends[500])["richMenuId"] is None
    assert line.api("POST", f"{MENU}/bulk/unlink", {"userIds": friends[:1]})[0] == 202
    assert line.menu(friends[0])["richMenuId"] is None
    status, body, _headers = line.api("POST", f"{MENU}/bulk/unlink", {"userIds": ["U1"]})
    assert status == 400
    assert "'userIds[0]'" in body["message"]
    gone = {"richMenuId": "richmenu-" + "0" * 32, "userIds": friends[:1]}
    assert line.api("POST", link, gone)[0] == 404


def test_a_menu_is_not_linked_to_whoever_cannot_be_reached(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    menu = made(line)
    line.act(friend, "block", silent=True)
    path = f"/v2/bot/user/{friend}/richmenu"
    assert line.api("POST", f"{path}/{menu}")[0] == 200
    assert line.api("DELETE", path)[0] == 200
    assert line.api("GET", path)[1]["message"] == "the user has no richmenu"
    assert line.menu(friend)["name"] is None
    assert line.api("POST", f"/v2/bot/user/U1/richmenu/{menu}")[0] == 400


@contextmanager
def pictures_at(files: dict[str, bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(200 if data else 404)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_pictures_are_fetched_by_their_public_name() -> None:
    files = {
        "/good.jpg": picture(kind="JPEG"),
        "/gif.gif": picture(kind="GIF"),
        "/large.png": picture() + b"\0" * 1_000_000,
    }
    name = "https://renraku.example"
    with pictures_at(files) as target, line_standin(f"--map={name}={target}") as line:
        (friend,) = line.friends(1)
        messages = [
            {"type": "image", "originalContentUrl": name + one, "previewImageUrl": name + other}
            for one, other in (("/good.jpg", "/good.jpg"), ("/gif.gif", "/none.jpg"))
        ]
        large = name + "/large.png"
        messages.append({"type": "image", "originalContentUrl": large, "previewImageUrl": large})
        body = {"to": friend, "messages": messages}
        assert line.api("POST", "/v2/bot/message/push", body)[0] == 200
        assert line.api("POST", "/v2/bot/message/push", body)[0] == 200
        stats = line.wait(lambda stats: stats["images"]["ok"] + stats["images"]["bad"] == 6)
    assert stats["images"]["ok"] == 3
    assert {tuple(failure.values()) for failure in stats["images"]["failures"]} == {
        (f"{name}/gif.gif", "format GIF"),
        (f"{name}/none.jpg", "status 404"),
        (large, "larger than 1000000 bytes"),
    }


def test_the_account_and_a_profile(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    assert line.api("GET", "/v2/bot/info")[1]["basicId"] == "@renraku"
    assert line.api("GET", f"/v2/bot/profile/{friend}")[1]["userId"] == friend
    assert line.api("GET", f"/v2/bot/profile/U{'2' * 32}")[0] == 404
    indicator = {"chatId": friend, "loadingSeconds": 7}
    assert line.api("POST", "/v2/bot/chat/loading/start", indicator)[0] == 400


def test_the_chat_since_a_point_and_reset(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    for number in "12":
        body = {"to": friend, "messages": [{"type": "text", "text": number}]}
        line.api("POST", "/v2/bot/message/push", body)
    first, second = line.chat(friend)
    assert line.chat(friend, after=first["sequence"]) == [second]
    assert second["messages"] == [{"type": "text", "text": "2"}]
    assert line.stats()["requests"]["POST /v2/bot/message/push"] == {"200": 2}
    line.reset()
    assert line.stats()["people"] == 0
    with pytest.raises(OSError, match="404"):
        line.chat(friend)


@pytest.mark.parametrize(
    ("path", "order"),
    [("/people", {"ids": ["x"]}), ("/faults", {"path": "("}), ("/faults", {"drop": "x"})],
)
def test_wrong_orders_are_refused(line: LineStandin, path: str, order: Any) -> None:
    with pytest.raises(OSError, match="400"):
        line.control("POST", path, order)
