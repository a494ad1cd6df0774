"""What release 0003 sealed and packed, copied from it word for word: see tests/house/previous.py.

Made by that release's own code with the tests' keys. None of it is ever made anew: it lies in
databases, journals, chats and mailboxes, and stays true there.
"""

from __future__ import annotations

from typing import Any

# The contact point of guardian@example.jp.
MAIL_INDEX = bytes.fromhex("38d695148b116ed8dae142bfb3e761647ec1162d80fbb4b5d8b6d9da1151c40b")
MAIL_CIPHER = bytes.fromhex(
    "013bd918a58b1724db2525a00ca003194f759ffe2b9f792cc82803f54d0553770a7b7e0ac718182fcd4b564b7e3d2117"
)
CONTACT_CODE = "C7K3-ADMK-NK"
CONTACT_CODE_INDEX = bytes.fromhex(
    "2927f69c40e209b26d1e7eaeaaeb6a0c4a67824019a9cefc9dbb5b5fc78aab2f"
)

# What approvals bind to: of the broadcast being sent, and of the one that waits for its approval.
SENDING_HASH = "fcc181d0aa5c9359c5d4050093c2d55b5b76d82982e483987d226ebdf3db79a7"
PENDING_HASH = "482c97a17a0d3e26ea30f36caf7d83209b384dd58007ab775724673a03791978"
# Guardians 1 to 6, of whom the first two are one family.
APPROVED_AUDIENCE = bytes.fromhex("789c636480004612690622d5010002a8000c")

# Buttons under messages.
APPROVE = "AgGN9IW9yYUSAQRlZkWakJzI9kZ037IpCLs"
CONFIRM = "AQPc1MKOmJg_CuKKYnAcoysbtu0h2w2PqFs"
ADMIT = "AQFUfXoRX_VGBsw_geccuJDS"

# Links, and the name of the mail they stand in.
PAGE = "/m/ASSAGP2a97iX8_crqnYkepA"
WITHDRAWN_PAGE = "/m/Bif0f2PQePZkQmnOkAesO64"
BROADCAST_PAGE = "/m/BE5A5JzeMIJHsmUjvU_8eL4"
LEAVE = "/u/AQG4SbTo8qXF3HMUNjL8jP-p"
PICTURE = "/pictures/AQHgsX7E_NavLzYVaKwvEnJg"
MESSAGE_ID = "e878eb33346f5f3588b6339cba8804aa@mail.example.jp"

# What a worker that was killed wrote of the chunk it held (chunk, epoch, delivery).
JOURNAL = b"""\
i 3 2 3
o 3 2 3 ["a","250 2.0.0 queued"]
i 3 1 5
i 3 2 4
i 3 2"""

TYPED_ADDRESS = "taro@example.jp"
SPOKEN = {
    "words": ["登録しました。"],
    "buttons": [
        {"words": "はい", "token": "t1", "typed": None, "lasting": False, "path": ""},
    ],
    "picture_ids": [],
    "subject": None,
    "numbered": True,
}
# Registering, up to the summary; and on from there, up to the number that was sent by mail.
TO_SUMMARY: list[list[Any]] = [
    ["id", "46J3-ADMK-NKGX"],
    ["find", {"id": 1, "name": "第一小学校"}],
    ["sure", "yes"],
    [
        "groups",
        {
            "classes": [{"id": 2, "name": "3年1組"}, {"id": 3, "name": "3年2組"}],
            "clubs": [{"id": 4, "name": "サッカー部"}, {"id": 5, "name": "PTA"}],
        },
    ],
    ["waiting", None],
    ["class.0", 2],
    ["number.0", 12],
    ["more.0", "no"],
    ["club.0", [4]],
    ["club.1", ["done"]],
]
TO_NUMBER: list[list[Any]] = [
    *TO_SUMMARY,
    ["confirm", "yes"],
    ["register", {"again": False}],
    ["mail.wanted", "first"],
    ["mail", TYPED_ADDRESS],
    ["mail.ask", True],
]

# Chain, sequence, actor, verb, subject and details of each entry, and its mac.
AUDITED: tuple[tuple[str, int, str, str, str, dict[str, Any], str], ...] = (
    (
        *("board:1", 1, "system", "open_board", "board:1", {}),
        "e2664db3dfd5a32b19f45f93f0711416939210c72ebfd564b8bf1c7af3e1d527",
    ),
    (
        *("board:1", 2, "system", "open_school", "school:1", {}),
        "3f0823c8991fa12fcb98efe69f004e69fd474a3cbdd6f3e709881b780b23f600",
    ),
    (
        *("board:1", 3, "system", "open_trouble", "trouble:1", {"kind": "channel_failing"}),
        "3412cc8625eafaf9602e7f311b83684fbc907183807754500f71585a520e0896",
    ),
    (
        *("school:1", 1, "system", "open_school", "school:1", {}),
        "502c90d04aaec27218d3e887d8a9e9f7f4cd69cb7703c3464a5e91cbf0ae226c",
    ),
    (
        *("school:1", 2, "staff:1", "approve", "broadcast:1", {"families": 2, "version": 3}),
        "d7c6c5c79bf83ce44185d6e3e440364f7a3709ca9e0d79620dfb21f4565f974d",
    ),
    (
        *("school:1", 3, "staff:1", "withdraw", "broadcast:3", {"version": 1}),
        "65dc2ae059ab7b87b5bf6ad02e50a588792f590f57ab3b271e6e21828fb1ff5e",
    ),
)
HEADS = {
    "board:1": "1e3a6e7888e13eaa2ec5628b6ee504f6837eee1e7716386d550d46c65f23069f",
    "school:1": "c5e27ab142396279605dc3268be98ebfe29bdfba69330ec4b244c960e42bf80c",
}
