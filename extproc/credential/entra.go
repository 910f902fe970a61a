package credential

import (
	"context"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// azureScope is what tokens for Azure OpenAI are for (Azure OpenAI REST API
// reference, "Authentication").
const azureScope = "https://cognitiveservices.azure.com/.default"

// entra finds an identity of Microsoft Entra as Azure's libraries do. Each
// fetch begins anew: the library's cache would hold a token until five minutes
// before its end.
type entra struct{ client *http.Client } // nil = the library's own

func (e entra) fetch(ctx context.Context) (*token, error) {
	var o azidentity.DefaultAzureCredentialOptions
	if e.client != nil {
		o.Transport = e.client
	}
	chain, err := azidentity.NewDefaultAzureCredential(&o)
	if err != nil {
		return nil, err
	}
	t, err := chain.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azureScope}})
	if err != nil {
		return nil, err
	}
	return bearerToken(t.Token, t.ExpiresOn), nil
}
