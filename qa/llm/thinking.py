"""Keep a model's reasoning out of its answer, while the text streams in."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class ThinkingFilter:
    """Takes reasoning between <think> and </think> out of a stream of pieces.

    Some chat templates open the tag in the prompt, so that a reply begins inside the reasoning and
    only the closing tag is seen. With ``begins_inside`` everything is therefore held back until that
    tag comes; a reply without any tag is let through when it ends.

    Attributes:
        answer: the answer so far, without reasoning. A closing tag that was never opened empties
            it: what came before was reasoning, though it may have been let out.
        hidden: characters of reasoning taken out so far.
    """

    def __init__(self, begins_inside: bool = False) -> None:
        self.answer = ""
        self.hidden = 0
        self._inside = False
        self._holding = begins_inside
        self._rest = ""

    def release(self) -> None:
        """Stop holding back: the server has shown that it keeps reasoning in a field of its own."""
        self._holding = False

    def feed(self, piece: str) -> str:
        """Take a piece and return what of the text is surely answer and was not yet returned."""
        self._rest += piece
        out = ""
        while True:
            opened, closed = self._rest.find(OPEN), self._rest.find(CLOSE)
            if self._inside or self._holding:
                if closed < 0:
                    return self._keep(out)
                self._hide(closed + len(CLOSE))
            elif closed >= 0 and not 0 <= opened < closed:
                self.hidden += len(self.answer)
                self.answer = out = ""
                self._hide(closed + len(CLOSE))
            elif opened >= 0:
                out += self._show(opened)
                self._rest, self._inside = self._rest[len(OPEN) :], True
            else:
                return out + self._show(len(self._rest) - max(_overlap(self._rest, OPEN), _overlap(self._rest, CLOSE)))

    def close(self, complete: bool = True) -> str:
        """Return what is left when the stream ends; a tag that was opened and never closed hides the rest.

        Args:
            complete: whether the model ended by itself. Text that was held back because it may be
                reasoning is shown only then.
        """
        if self._holding and complete:
            self._rest, _, thought = self._rest.partition(OPEN)
            self.hidden += len(thought)
        elif self._inside or self._holding:
            self._hide(len(self._rest))
        return self._show(len(self._rest))

    def _show(self, size: int) -> str:
        text, self._rest = self._rest[:size], self._rest[size:]
        self.answer += text
        return text

    def _hide(self, size: int) -> None:
        self.hidden += size
        self._rest, self._inside, self._holding = self._rest[size:], False, False

    def _keep(self, out: str) -> str:
        """Drop surely hidden text, but for what may begin the closing tag; held text stays whole."""
        if self._inside:
            size = len(self._rest) - _overlap(self._rest, CLOSE)
            self.hidden += size
            self._rest = self._rest[size:]
        return out


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of a text may begin a tag."""
    return next((n for n in range(min(len(text), len(tag) - 1), 0, -1) if text.endswith(tag[:n])), 0)
