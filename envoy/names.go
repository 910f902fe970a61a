package envoy

// Version is the Envoy release this build is measured against and pins.
const Version = "1.40.0"

// Listeners and route configurations.
const (
	// EdgeListener faces the clients and carries the router stage.
	EdgeListener = "dragoman-edge"
	// EdgeRoutes is the RouteConfiguration of the edge: one route per model,
	// whose priority groups are the order of its targets.
	EdgeRoutes = "dragoman-edge"
)

// Clusters that reach Dragoman itself.
const (
	ExtProcCluster = "dragoman-extproc"
	XDSCluster     = "dragoman-xds"
	// NowhereCluster has no endpoints: requests are there until the router stage
	// has chosen their route.
	NowhereCluster = "dragoman-nowhere"
)

const (
	attemptPrefix  = "dragoman-attempt/"
	providerPrefix = "dragoman-provider/"
	expressPrefix  = "dragoman-express/"
)

// AttemptListener is the internal listener of a provider: the attempt stage,
// guard, time limits and the route to the provider.
func AttemptListener(provider string) string { return attemptPrefix + provider }

// AttemptCluster is the cluster whose one endpoint is that internal listener.
func AttemptCluster(provider string) string { return attemptPrefix + provider }

// ProviderCluster holds the provider's real endpoint; only its attempt
// listener routes to it.
func ProviderCluster(provider string) string { return providerPrefix + provider }

// ExpressCluster holds the provider's real endpoint behind upstream filters,
// for requests that the router stage has rewritten itself.
func ExpressCluster(provider string) string { return expressPrefix + provider }

// AttemptProvider names the provider whose attempt cluster this is.
func AttemptProvider(cluster string) (string, bool) {
	if len(cluster) > len(attemptPrefix) && cluster[:len(attemptPrefix)] == attemptPrefix {
		return cluster[len(attemptPrefix):], true
	}
	return "", false
}

// ProviderOf names the provider a cluster of any kind belongs to.
func ProviderOf(cluster string) (string, bool) {
	for _, prefix := range []string{attemptPrefix, providerPrefix, expressPrefix} {
		if len(cluster) > len(prefix) && cluster[:len(prefix)] == prefix {
			return cluster[len(prefix):], true
		}
	}
	return "", false
}

// Headers of ours. All of them are removed from what clients send and from
// what providers see or answer.
const (
	// HeaderPrefix starts every header of ours.
	HeaderPrefix = "x-dragoman-"
	// RouteHeader selects the route: a model name, or ExpressRoute.
	RouteHeader = "x-dragoman-route"
	// StreamHeader is present on requests whose answer is a stream.
	StreamHeader = "x-dragoman-stream"
	// LengthHeader carries the length of an attempt's body past ext_proc, whose
	// replacement of a body drops content-length; the attempt route sets it anew.
	LengthHeader = "x-dragoman-length"
	// FailedHeader carries what the express guard saw of a failed first attempt
	// to the attempt stage of the second.
	FailedHeader = "x-dragoman-failed"
	// KeysHeader carries the credentials that an express target was sent to the
	// guard of its answer, on the way back, which takes them out of errors.
	KeysHeader = "x-dragoman-keys"
	// LocalReplyHeader marks an answer that Envoy made itself in an attempt
	// listener (nothing reached us from the provider); its value is
	// %RESPONSE_FLAGS%, such as UF (connection failure) or UT (time limit).
	LocalReplyHeader = "x-dragoman-local-reply"

	GenerationHeader = "x-dragoman-generation"
	ProviderHeader   = "x-dragoman-provider"
	ModelHeader      = "x-dragoman-model"
	AttemptsHeader   = "x-dragoman-attempts"
	// DroppedHeader lists request fields a target could not express.
	DroppedHeader = "x-dragoman-dropped"
	// SkippedHeader lists targets that were passed over since they lack what the
	// request needs: "provider (reason)", joined with ", ".
	SkippedHeader = "x-dragoman-skipped"
	// EstimatedHeader marks a count of tokens that no provider made.
	EstimatedHeader = "x-dragoman-estimated"
)

// ExpressRoute is the value of RouteHeader whose route has no groups of its
// own: the chain comes with the request, in ChainNamespace.
const ExpressRoute = "@express"

// Dynamic metadata namespaces.
const (
	// ChainNamespace holds the PriorityGroupsOverride of one request (typed).
	ChainNamespace = "dragoman.chain"
	// ExchangeNamespace holds facts of the exchange for access logs and
	// response headers (untyped): see the Fact constants.
	ExchangeNamespace = "dragoman"
	// GuardNamespace holds what the guard of an attempt must do (untyped).
	GuardNamespace = "dragoman.guard"
	// FailedNamespace holds what the express guard saw of a failed attempt
	// (untyped), under FailedAttempt: "status retry-after-ms kind".
	FailedNamespace = "dragoman.failed"
	FailedAttempt   = "attempt"
	// UsageNamespace holds, under UsageRaw, the usage object that a guard found
	// in an answer, and under UsageFinish why the answer ended, as the provider
	// wrote them (untyped). Under UsageBroken stands how an answer broke off, one
	// of the Broken words.
	UsageNamespace = "dragoman.usage"
	UsageRaw       = "raw"
	UsageFinish    = "finish"
	UsageBroken    = "broken"
	// LimitsNamespace holds the LimitHeaders of an answer, by name (untyped).
	LimitsNamespace = "dragoman.limits"
	// AnswerNamespace holds what a guard knows of an express attempt's own
	// answer that it passed (untyped): under AnswerStatus its status, if it is to
	// be translated, and FactDropped.
	AnswerNamespace = "dragoman.answer"
	AnswerStatus    = "status"
)

// Keys within ExchangeNamespace.
const (
	FactExchange = "exchange"
	FactProvider = "provider"
	FactModel    = "model"
	FactKey      = "key"
	// FactDialect is the dialect of the bytes that a guard finds usage in: the
	// client's, or an express target's.
	FactDialect = "dialect"
	// FactAttempt is the number of an attempt, from 1; at attempt listeners.
	FactAttempt = "attempt"
	// FactSurface is the client's dialect, in which Envoy's own answers are.
	FactSurface = "surface"
	// FactTranslate is set where the router stage translates an express answer.
	FactTranslate = "translate"
	// FactDropped are the request fields that an express target has no words
	// for.
	FactDropped = "dropped"
)

// How a guard says that an answer broke off.
const (
	// BrokenCut: it ended without a finish, or in the middle of its JSON.
	BrokenCut = "cut"
	// BrokenError: its last event is the provider's error, without a finish.
	BrokenError = "error"
	// BrokenFailed: it finished by saying that it failed.
	BrokenFailed = "failed"
)

// Keys within GuardNamespace.
const (
	// GuardUsage set to "drop" removes the usage chunk nobody asked for.
	GuardUsage = "usage"
	// GuardTail set to the client's dialect supplies a missing end marker
	// after a finish reason, and an error event where none has passed; of a long
	// answer in one piece it reads the end.
	GuardTail = "tail"
)

// RoleKey is the gRPC metadata key with which an ext_proc filter says which
// stage it serves; ProviderKey names the provider of an attempt listener.
const (
	RoleKey     = "x-dragoman-role"
	RoleRouter  = "router"
	RoleAttempt = "attempt"
	ProviderKey = "x-dragoman-provider"
)

// AnswerDetails is what ext_proc gives as the details of an answer of its own,
// by which the edge tells it from Envoy's local replies.
const AnswerDetails = "dragoman"

// Access log names: which connection manager wrote an entry.
const (
	EdgeLog    = "dragoman-edge"
	AttemptLog = "dragoman-attempt"
)
