"""Hostile endpoints, as `LLM` meets them: the same tests on the clients of `cloud.llm`.

Of what hangs on the transport alone, which they share with `LLM`, there are samples.
"""

# ruff: noqa: F401

from __future__ import annotations

import pytest

from tests.remote.test_bodies import (
    test_answer_with_partial_usage_is_kept,
    test_byte_order_mark_is_no_obstacle,
    test_chat_of_the_wrong_shape_is_a_response_error,
    test_empty_error_beside_an_answer_is_none,
    test_error_inside_a_success_is_raised_as_what_it_says,
    test_last_of_duplicate_keys_counts,
    test_numbers_that_are_no_numbers_do_not_escape,
    test_odd_details_cost_no_answer,
    test_success_without_an_answer_is_a_response_error,
    test_surrogate_pair_split_between_chunks_gives_text,
    test_text_that_is_no_unicode_is_kept_with_replacements,
)
from tests.remote.test_deadlines import (
    test_refusal_whose_body_drips_is_raised_at_the_deadline,
    test_server_that_stays_open_after_done_holds_nobody,
    test_timeout_is_retried_when_asked,
    test_timeout_names_its_deadline,
)
from tests.remote.test_errors import (
    test_broken_stream_names_server_and_model,
    test_error_in_a_stream_names_server_and_model,
    test_error_without_a_refusal_names_server_and_model,
    test_facts_of_a_refusal_are_complete,
)
from tests.remote.test_event_streams import (
    test_error_in_a_stream_is_raised_with_its_reason,
    test_event_that_is_no_chunk_is_a_response_error,
    test_every_legal_form_gives_the_same_answer,
    test_odd_field_of_a_delta_does_not_escape,
    test_stream_without_any_choice_is_a_response_error,
    test_what_is_no_stream_is_a_response_error,
)
from tests.remote.test_framing import (
    test_broken_chunks_are_a_response_error,
    test_broken_content_encoding_is_a_response_error,
    test_only_gzip_is_asked_for_and_nothing_for_streams,
    test_wrong_length_is_a_response_error,
)
from tests.remote.test_redirects import (
    test_cookies_are_not_sent_back,
    test_odd_location_is_an_error_like_any_other,
    test_redirect_is_an_error_and_nobody_else_is_asked,
)
from tests.remote.test_secrets import (
    search,
    test_key_in_an_answer_that_does_not_fit_is_masked,
    test_key_in_further_headers_is_not_shown,
    test_key_that_a_server_echoes_is_masked,
    test_mask_stands_where_the_key_was,
    test_no_failure_shows_the_key_even_in_its_frames,
    test_printed_settings_do_not_show_the_key,
    test_prompt_is_not_in_errors_or_logs,
    test_rest_of_a_key_that_the_excerpt_cuts_is_not_shown,
)
from tests.remote.test_statuses import (
    test_code_refines_the_class_that_the_status_gives,
    test_error_carries_what_support_asks_for,
    test_exhausted_quota_is_not_retried,
    test_other_success_with_an_answer_is_one,
    test_reason_is_found_in_every_known_error_body,
    test_retries_are_counted_and_delays_double,
    test_retry_after_date_in_the_future_is_waited_for,
    test_status_decides_class_and_number_of_tries,
    test_success_without_content_is_no_answer,
)

pytestmark = pytest.mark.slow
