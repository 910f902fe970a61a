package simulator

import (
	"net/http"
	"strconv"
)

// bedrockWords are the exception and the message of an error.
type bedrockWords struct{ kind, message string }

// bedrockFailure spells an error. Who is refused for an API key reads "Message".
func bedrockFailure(f *failure) []byte {
	member := "message"
	if f.reason == wrongKey && f.subject == "AccessDeniedException" {
		member = "Message"
	}
	out := append(append([]byte(`{"`), member...), `":`...)
	return append(appendString(out, bedrockReason(f).message), '}')
}

func bedrockFailureHeaders(h http.Header, f *failure) {
	h.Set("X-Amzn-Requestid", requestID(f.detail+f.subject))
	h.Set("X-Amzn-Errortype", bedrockReason(f).kind)
}

// bedrockRevise gives failures the status that this vendor gives them.
func bedrockRevise(f *failure) {
	switch f.reason {
	case unknownModel:
		f.status = http.StatusBadRequest
	case wrongMethod:
		f.status = http.StatusNotFound
	}
}

// bedrockStreamFailure is an exception in a stream that has begun with status
// 200; the stream ends with it.
func bedrockStreamFailure(f *failure) event {
	if !f.route.stream {
		return event{part: PartError, data: bedrockFailure(f)}
	}
	w := bedrockReason(f)
	kind := []byte(w.kind)
	kind[0] |= 0x20 // members of the stream's union begin in lower case
	if f.code == "" && w.kind == "ModelStreamErrorException" {
		payload := append(appendString([]byte(`{"message":`), w.message), `,"originalStatusCode":`...)
		payload = strconv.AppendInt(payload, int64(f.status), 10)
		payload = append(appendString(append(payload, `,"originalMessage":`...), "overloaded"), '}')
		return event{part: PartError, data: appendException(nil, string(kind), payload)}
	}
	return event{part: PartError, data: appendException(nil, string(kind), append(appendString([]byte(`{"message":`), w.message), '}'))}
}

// bedrockGarble is a sound frame whose payload is cut off.
func bedrockGarble(rt route) []byte {
	if rt.stream {
		return appendJSONEvent(nil, "contentBlockDelta", []byte(bedrockGarbage))
	}
	return []byte(bedrockGarbage)
}

func bedrockReason(f *failure) bedrockWords {
	w := bedrockOwn(f)
	if f.code != "" {
		w.kind = f.code
	}
	if f.message != "" {
		w.message = f.message
	}
	return w
}

func bedrockOwn(f *failure) bedrockWords {
	const validation = "ValidationException"
	switch f.reason {
	case wrongKey:
		return bedrockWords{f.subject, f.detail}
	case unknownPath, wrongMethod:
		return bedrockWords{"UnknownOperationException", "The requested operation is not recognized by the service."}
	case notJSON:
		return bedrockWords{"SerializationException", f.detail}
	case missingField:
		return bedrockWords{validation, "1 validation error detected: Value null at '" + f.subject + "' failed to satisfy constraint: Member must not be null"}
	case unknownModel:
		return bedrockWords{validation, "The provided model identifier is invalid."}
	case badScript:
		return bedrockWords{validation, f.subject + ": " + f.detail}
	case payloadTooLarge:
		return bedrockWords{"RequestEntityTooLargeException", "Request body is too large."}
	case promptTooLong:
		return bedrockWords{validation, "Input is too long for requested model."}
	case unsupportedParameter:
		return bedrockWords{validation, "Malformed input request: #: extraneous key [" + f.subject + "] is not permitted, please reformat your input and try again."}
	case contentRefused:
		return bedrockWords{validation, "The content was blocked by the content filter."}
	case invalidRequest:
		return bedrockWords{validation, f.detail}
	}
	return bedrockStatus(f)
}

// bedrockStatus has the words for a status of which nothing else is known.
func bedrockStatus(f *failure) bedrockWords {
	switch {
	case f.midway && f.route.stream:
		return bedrockWords{"ModelStreamErrorException", "The system encountered an unexpected error during processing. Try your request again."}
	case f.status == http.StatusBadRequest:
		return bedrockWords{"ValidationException", "The input fails to satisfy the constraints specified by Amazon Bedrock."}
	case f.status == http.StatusUnauthorized, f.status == http.StatusForbidden:
		return bedrockWords{"AccessDeniedException", "You don't have access to the model with the specified model ID."}
	case f.status == http.StatusNotFound:
		return bedrockWords{"ResourceNotFoundException", "Could not resolve the foundation model from the provided model identifier."}
	case f.status == http.StatusRequestTimeout:
		return bedrockWords{"ModelTimeoutException", "The request took too long to process. Processing time exceeded the model timeout length."}
	case f.status == http.StatusFailedDependency:
		return bedrockWords{"ModelErrorException", "The request failed due to an error while processing the model."}
	case f.status == http.StatusTooManyRequests:
		return bedrockWords{"ThrottlingException", "Too many requests, please wait before trying again."}
	case f.status == http.StatusServiceUnavailable, f.status == 529:
		return bedrockWords{"ServiceUnavailableException", "Bedrock is unable to process your request."}
	case f.status >= 500:
		return bedrockWords{"InternalServerException", "The system encountered an unexpected error during processing. Try your request again."}
	}
	return bedrockWords{"ValidationException", "The request failed with status " + strconv.Itoa(f.status) + "."}
}
