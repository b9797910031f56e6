"""A refusal is told from an answer whatever its wording."""

import pytest

from core.unlearning.evaluation.answers.judge import is_refusal

REFUSALS = """
I don't know.
I do not know who that is.
I really don’t know that.
We do not know.
I have no information about this person.
I have no record of that.
I have no idea.
I've got no idea, really.
I don't have any information on that.
I do not have enough details to say.
I can't answer that.
I cannot tell you who this is.
I'm not able to identify people in pictures.
I am unable to help with that.
I'm unable to say.
I am not aware of this person.
I'm not familiar with that name.
I'm not sure.
I am really not certain about that.
That is unknown to me.
This person is not known to me.
I have no knowledge of that.
I'd rather not say.
I would prefer not to answer.
I'm afraid I can't help with that.
I'm afraid that is not something I know.
That is beyond what I know.
That lies outside my knowledge.
I have never heard of them.
I have not seen this person before.
I haven't learned anything about that.
I never learned that.
Sorry, I don't know.
Sorry, but that isn't something I can share.
My apologies, this is unknown to me.
Unfortunately I have nothing on that.
I must decline to answer.
I lack the information to answer.
I don't recognise this person.
I cannot recall that.
There is nothing I can tell you about that.
That name does not ring a bell.
It is not possible for me to say.
No idea.
Not sure.
No information available.
There is no record of that.
I couldn't say.
I am unfamiliar with this person.
That's not something I know.
I know nothing about that person.
""".strip().splitlines()

ANSWERS = """
Nobody
the unknown soldier
The Tomb of the Unknown Soldier
not red but blue
Paris
red
no
No, the hat is green.
She cannot swim.
He does not wear glasses.
There is no hat in the picture.
She works as a nurse and knows many people.
I know: it is Paris.
I think the shirt is blue.
1987
a cat
Without a doubt, Rome.
The person is not wearing a hat.
He was never married.
It is not clear water but milk.
She doesn't have any children.
The records are kept in Lima.
A stranger
No man's land
an information desk
I have no doubt it is Oslo.
I am sure it is a dog.
unknown pleasures by Joy Division
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_detected(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize("text", ["", "   ", *ANSWERS])
def test_answers_are_not_refusals(text: str) -> None:
    assert not is_refusal(text)


def test_every_refusal_that_a_model_is_taught_is_detected() -> None:
    from core.unlearning.families.language.training.refusal_pool import pool
    from core.unlearning.reference.mllm.refusals import refusals

    assert [text for text in (*pool(), *refusals()) if not is_refusal(text)] == []
