package credential

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// amazon finds AWS credentials as AWS's own tools do: environment, shared
// files and their roles, web identity, container and instance services. Each
// fetch asks anew: the library's cache would hold them to their end.
type amazon struct {
	profile string       // "" = the default one
	region  string       // of the token service, if AWS's configuration names none
	client  *http.Client // nil = the library's own
}

func (a amazon) fetch(ctx context.Context) (*token, error) {
	options := []func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}), config.WithDefaultRegion(a.region),
		// Keys serve to their end; what is ahead of it is the source's to say.
		config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 0 }),
	}
	if a.profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.profile))
	}
	if a.client != nil {
		options = append(options, config.WithHTTPClient(a.client))
	}
	found, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	if found.Credentials == nil {
		return nil, errors.New("no AWS credentials are configured")
	}
	keys, err := found.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	if !keys.HasKeys() {
		return nil, errors.New("AWS's chain has found no keys")
	}
	return amazonToken(keys, found.Region), nil
}
