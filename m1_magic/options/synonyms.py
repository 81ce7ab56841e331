"""What other tools call our options, settings and verbs, for "did you mean" only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Ours: the names by which users of other clients, models and magics may ask for it.
WORDS = {
    "df": "dataframe dataframes frame frames table tables data dataset dfs",
    "cols": "columns column fields select usecols",
    "send": "privacy level share sharing leave",
    "allow": "permit include unmask pii personal",
    "diff": "compare difference changes",
    "exact": "sql compute calculate precise figures",
    "file": "path doc document documents attach attachment input context_file read",
    "chat": "conversation thread session history memory follow_up",
    "cells": "cell context notebook outputs",
    "returns": "schema type types structured response_format output_type",
    "choices": "labels classes categories enum options one_of",
    "n": "times samples repeat num count number",
    "error": "traceback exception err last_error debug",
    "model": "engine llm slug model_name model_id deployment",
    "system": "system_prompt system_message sys instructions instruction role persona",
    "temperature": "temp heat randomness creativity",
    "top_p": "nucleus topp p nucleus_sampling",
    "max_tokens": "max_output_tokens max_new_tokens max_completion_tokens max_length length tokens"
    " num_predict n_predict limit",
    "seed": "random_seed random_state rng",
    "stop": "stops stop_sequences stop_sequence end until",
    "think": "reasoning reasoning_effort effort thinking thinking_budget reasoning_tokens cot",
    "task": "template preset recipe",
    "keep": "cache cached use_cache",
    "fresh": "no_cache nocache refresh renew anew no_keep",
    "out": "output save var variable assign result store bind name",
    "each": "rows map foreach by_row per_row apply batch",
    "into": "column_name new_column target",
    "gold": "truth labels known expected human",
    "at_least": "min_accuracy threshold accuracy",
    "workers": "concurrency parallel n_jobs max_workers threads",
    "force_out": "force overwrite replace clobber",
    "max_cost": "budget cost price max_price max_budget spend usd cost_limit",
    "dry_run": "preview dry dryrun estimate noop simulate plan count_tokens show_prompt",
    "quiet": "silent no_output hide mute no_display",
    "raw": "plain text plain_text no_render format",
    # Verbs.
    "log": "history hist past calls list_calls",
    "cost": "usage spend spent price billing bill",
    "set": "config conf settings setting option options configure",
    "again": "retry redo repeat rerun regenerate",
    "continue": "more resume go_on",
    "forget": "delete clear wipe remove reset",
    "chats": "conversations threads",
    "models": "list list_models model",
    "login": "auth authenticate api_key signin",
    "logout": "signout",
    "doctor": "check diagnose test health",
    "budget": "limit",
    "help": "h usage man",
    "version": "about info",
    # Settings.
    "base_url": "api_base endpoint url host api_url openai_api_base",
    "min_group": "k k_anonymity",
    "zdr": "zero_data_retention retention",
}
MOST = 2
CUTOFF, SURE = 0.65, 0.75


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return what is most probably meant of what is known, at most two.

    The same but for dashes and case, then by meaning, by how it begins, by its letters.
    """
    meant, plain = _plain(word), {name: _plain(name) for name in known}
    same = [name for name, text in plain.items() if text == meant]
    synonyms = [name for name, text in plain.items() if meant in WORDS.get(text, "").split()]
    begins = [name for name, text in plain.items() if _begins(text, meant)]
    alike = [
        name
        for name in difflib.get_close_matches(word, list(plain), n=MOST, cutoff=CUTOFF)
        if plain[name][:1] == meant[:1] or _ratio(plain[name], meant) > SURE
    ]
    return list(dict.fromkeys(same or synonyms or begins or alike))[:MOST]


def _ratio(text: str, meant: str) -> float:
    return difflib.SequenceMatcher(None, text, meant).ratio()


def _begins(text: str, meant: str) -> bool:
    """Is one of two words the beginning of the other, and long enough to mean it?"""
    return (len(meant) >= 3 and text.startswith(meant)) or (
        len(text) >= 4 and meant.startswith(text)
    )


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").casefold()
