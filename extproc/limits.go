package extproc

import (
	"github.com/dragoman-gateway/dragoman/extproc/quota"
	"github.com/dragoman-gateway/dragoman/xds/catalog"
)

// units and windows are the words of the catalog.
var (
	units = map[string]quota.Unit{
		"money": quota.Money, "requests": quota.Requests, "tokens": quota.Tokens,
		"input_tokens": quota.Input, "output_tokens": quota.Output, "concurrent": quota.Concurrent,
	}
	windows = map[string]quota.Window{
		"minute": quota.Minute, "hour": quota.Hour, "day": quota.Day, "week": quota.Week, "month": quota.Month, "total": quota.Total,
	}
	dimensions = map[string]quota.Dimension{"key": quota.Key, "tenant": quota.Tenant, "model": quota.Model, "tag": quota.Tag}
)

// LimitsOf are the limits of budgets in a region, in their order: of a budget
// that regions share, this one's part, before any of it is moved.
func LimitsOf(budgets []catalog.Budget, region string) []quota.Limit {
	var limits []quota.Limit
	for i := range budgets {
		b := &budgets[i]
		for _, l := range b.Limits {
			limit := quota.Limit{
				// A unit that is added later changes no name, so no count.
				Name: b.Name + "/" + l.Unit, Unit: units[l.Unit], Window: windows[b.Per], Away: quota.Amount(l.Away), Amount: quota.Amount(l.Amount),
			}
			limit.Match[quota.Key], limit.Match[quota.Tenant] = b.Keys, b.Tenants
			limit.Match[quota.Model], limit.Match[quota.Tag] = b.Models, b.Tags
			for _, each := range b.Each {
				limit.Each[dimensions[each]] = true
			}
			if limit.Unit == quota.Concurrent {
				limit.Window = quota.Total
			}
			if b.Shares != nil {
				limit.Amount = shareOf(l.Amount, b.Shares[region])
				limit.Away = min(limit.Away, limit.Amount)
			}
			for _, percent := range b.Soft {
				limit.Soft = append(limit.Soft, uint8(percent))
			}
			limits = append(limits, limit)
		}
	}
	return limits
}

// shareOf is a region's share of an amount, rounded down: all shares together are
// no more than the whole. It fits: the greatest amount is 2⁵³.
func shareOf(amount int64, percent int) quota.Amount {
	return quota.Amount(amount) * quota.Amount(percent) / 100
}
