package dialect

import (
	"net/url"
	"strings"
)

// OpenAIPath is where one of OpenAI's endpoints is below the target's base
// path. Azure serves them in two ways (Azure OpenAI REST API reference): its v1
// API has OpenAI's own paths below …/openai/v1, the older one, below …/openai,
// names the deployment in the path; both take the API version in the query.
func (t Target) OpenAIPath(endpoint string) string {
	if t.Platform != Azure {
		return endpoint
	}
	if !strings.HasSuffix(t.BasePath, "/v1") {
		endpoint = "/deployments/" + url.PathEscape(t.ID) + endpoint
	}
	if t.APIVersion != "" {
		endpoint += "?api-version=" + url.QueryEscape(t.APIVersion)
	}
	return endpoint
}
