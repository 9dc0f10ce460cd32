"""What whoever has to say yes is shown: all that counts, and nothing that hides or turns round."""

from __future__ import annotations

from llmring.cli.terminal_chat.approvals import arguments_text
from llmring.cli.terminal_chat.servers import change_text
from llmring.mcp.client.events import ToolUse
from llmring.mcp.client.types import ToolChange

#: "hi" in the letters that are there for tags, and are not drawn.
TAGS = "\U000e0068\U000e0069"


def test_a_description_shows_what_is_not_drawn() -> None:
    said = f"Adds.\nNumbers{TAGS} \u202eonly"
    shown = "Adds.\nNumbers\ufffd\ufffd \ufffdonly"
    assert change_text("x", ToolChange("add", "added", said)).endswith(f":\n{shown}")
    changed = change_text("x", ToolChange("add", "changed", said, "Adds."))
    assert changed.endswith(f"It said:\nAdds.\nIt says now:\n{shown}")


def test_arguments_show_what_is_not_drawn() -> None:
    call = ToolUse("1", "send", {"to": "a\u202eb", "text": TAGS}, None, 1, 0)
    assert arguments_text(call) == 'to="a\ufffdb", text="\ufffd\ufffd"'
