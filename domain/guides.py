"""Guides to hand to families: what keeps our mail out at each carrier, and how it is let in.

The words are in texts/*/guide.po: `guide.<name>.block.<n>` for what may keep it out and
`guide.<name>.step.<n>` for what to do.  A carrier's own names for its menus stand in 「」 there and
nowhere are they guessed: where no page of the carrier's or about it could be found, the step says
in general what to look for.  Read in stored copies of these pages, in November 2026:

docomo   https://www.nttdocomo.co.jp/service/omakase_block/setting/ (迷惑メールおまかせブロック),
         https://www.dekyo.or.jp/soudan/contents/taisaku/2-4docomo-details.html (かんたん設定),
         https://make-ecshop.work/2019/10/19/3-career-mail-setting/ (steps, October 2019)
au       https://au.com/online-manual/scg19/scg19_02/m_05_02_01.html and
         https://au.com/online-manual/kyv44/kyv44_01/s06_f06.html (menus),
         https://note.com/sendmagic/n/nbbf9780041c0 (order of the filters, 必ず受信),
         https://www.dekyo.or.jp/soudan/contents/taisaku/2-4au-details.html
softbank https://cdn.softbank.jp/mobile/support/mail/antispam/email-i/antispoof-rescue/ (menus),
         https://www.softbank.jp/mobile/support/mail/antispam/spammailfilter/ (標準 and 強),
         https://selfcare.softbank.jp/cca/help/j/white.html (受信許可リスト),
         http://mensbros.com/mob/pageShw.php?site=MENS&ima=2953&cd=info_spammail_sb (order),
         https://news.mynavi.jp/column/iphone_setting/017/ (URLリンク付きメール)
ymobile  nothing of its own menus was found
rakuten  nothing was found
gmail    https://suian.or.jp/contact/setings_webmail/,
         https://septill.blogspot.com/2015/03/gmail.html (filters, March 2015)
yahoo    https://mail.yahoo.co.jp/antispam/tools.html,
         https://www.yahoo-help.jp/app/answers/detail/p/565/a_id/47577 (救済リスト)
icloud   https://icloud.skydocu.com/ja/ (a copy of Apple's manual, 迷惑メールではない),
         https://www.choge-blog.com/programming/icloud-mailallow (there is no list)
outlook  https://support.microsoft.com/ja-jp/office/ (差出人セーフ リスト), and a description of
         Outlook on the web whose address was not kept (信頼できる差出人とドメイン)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from domain.lanes import lane_of
from domain.wording import Text, say

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Guide:
    """The guide to one carrier, which is the lane of that name unless `lane` says another.

    `blocks` and `steps` say how many texts of each there are.
    """

    name: str
    blocks: int
    steps: int
    lane: str = ""

    @property
    def title(self) -> Text:
        return say(f"guide.{self.name}.title")

    @property
    def domains(self) -> Text:
        """How the addresses end that it is for."""
        return say(f"guide.{self.name}.domains")

    @property
    def block_words(self) -> tuple[Text, ...]:
        return tuple(say(f"guide.{self.name}.block.{n}") for n in range(1, self.blocks + 1))

    @property
    def step_words(self) -> tuple[Text, ...]:
        return tuple(say(f"guide.{self.name}.step.{n}") for n in range(1, self.steps + 1))


_ALL = (
    Guide("docomo", blocks=4, steps=5),
    Guide("au", blocks=4, steps=4),
    Guide("softbank", blocks=4, steps=5),
    Guide("ymobile", blocks=2, steps=3),
    Guide("rakuten", blocks=1, steps=3, lane="rakumail"),
    Guide("gmail", blocks=1, steps=3),
    Guide("yahoo", blocks=2, steps=3),
    Guide("icloud", blocks=1, steps=3),
    Guide("outlook", blocks=1, steps=3),
    Guide(OTHER, blocks=2, steps=4),
)

GUIDES: Mapping[str, Guide] = MappingProxyType({guide.name: guide for guide in _ALL})
"""All guides in the order of the list, the general one last."""

_OF_LANE = {guide.lane or guide.name: guide for guide in _ALL}


def guide_of(domain: str) -> Guide:
    """The guide for a mail domain."""
    return _OF_LANE.get(lane_of(domain), GUIDES[OTHER])
