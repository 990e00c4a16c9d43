"""Who is calling."""

from __future__ import annotations

from stenobox.errors.root import StenoboxError


class AccessError(StenoboxError):
    code, status, title = "access_denied", 403, "Access denied"
    message = "Access denied."


class NotSignedIn(AccessError):
    code, status, title = "not_signed_in", 401, "Sign in first"
    message = "Sign in, or send an API key as 'Authorization: Bearer KEY'."


class WrongCredentials(AccessError):
    code, status, title = "wrong_credentials", 401, "Name or password is wrong"
    message = "The name or the password is wrong."


class TotpRequired(AccessError):
    code, status, title = "totp_required", 401, "A code is needed too"
    message = "Send the code that your authenticator app shows, or a recovery code, as 'code'."


class WrongCode(AccessError):
    code, status, title = "wrong_code", 401, "The code does not open"
    message = "The code is wrong or was used already. Wait for the next one that your app shows."


class OidcRefused(AccessError):
    code, title = "oidc_refused", "The sign-in at the provider did not work"
    message = "The sign-in at the provider did not work: {problem}. Begin it again."


class OidcNoAccount(AccessError):
    code, title = "oidc_no_account", "There is no account for you here"
    message = "The provider knows you, but there is no account for you here. Ask the administrator."


class Forbidden(AccessError):
    code, title = "forbidden", "Not allowed"
    message = "Your account ({role}) may not do this."


class NotYours(AccessError):
    code, title = "not_yours", "Only its owner may do this"
    message = "Somebody shared this with you. Only its owner may do that with it."


class ScopeMissing(AccessError):
    code, title = "scope_missing", "The key is not made for this"
    message = "This API key does not have the scope '{scope}'. Make one that has it."


class NotByKey(AccessError):
    code, title = "not_by_key", "Not possible with an API key"
    message = "An API key cannot do this. Sign in with name and password instead."


class CrossSite(AccessError):
    code, title = "cross_site", "The request comes from another site"
    message = "The request was made by a page of another site, so it was refused."


class SetupRequired(AccessError):
    code, title = "setup_required", "The box is not set up yet"
    message = "No account exists yet. Open the set-up link that the box printed at its start."


class SetupLinkInvalid(AccessError):
    code, title = "setup_link_invalid", "The set-up link does not work"
    message = "The set-up link was used or has expired. Restart the box to get a new one."


class WebhooksOff(AccessError):
    code, title = "webhooks_off", "Webhooks are switched off"
    message = "Webhooks are switched off on this box. Administrators allow them with webhooks.enabled."


class MailOff(AccessError):
    code, title = "mail_off", "The box sends no e-mail"
    message = "This box sends no e-mail. Administrators name a mail server with mail.host."


class LinksOff(AccessError):
    code, title = "links_off", "Links are switched off"
    message = "Nothing is shared by link on this box. Administrators allow it with sharing.links."


class RateLimited(AccessError):
    code, status, title = "rate_limited", 429, "Too many attempts"
    message = "Too many attempts. Try again in {retry_after} seconds."


class TooManyRequests(RateLimited):
    code, title = "too_many_requests", "Too many requests"
    message = "That is more than the box takes from one side at a time. Try again in {retry_after} seconds."
